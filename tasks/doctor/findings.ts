import type { Packages, Purpose } from './requirements.js';

/** One thing that was looked at. */
export interface Finding {
  id: string;
  /** ok: there. missing: a purpose stops without it. advice: something is slower, or not as proven. */
  state: 'ok' | 'missing' | 'advice';
  /** Path, version or figure that was found; or what is wrong. */
  detail: string;
  /** What it is needed for. */
  why: string;
  purposes: Purpose[];
  /** Packages that cure it. */
  packages?: Packages;
  /** What cures it when no package does. */
  fix?: string;
}
