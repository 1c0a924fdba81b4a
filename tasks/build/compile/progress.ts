import { formatDuration } from '../../lib/ui/format.js';

/** Reads make's output: counts objects, estimates the time left, finds the first error. */

/** A kbuild line for a compiled object: "  CC [M]  net/netfilter/ipvs/ip_vs_core.o". */
const OBJECT = /^ {2}(?:CC|AS)(?: \[M\])?\s+(\S+)/;

/** The first line that stops a build. Warnings turned into errors count; make's own "Error 1" lines come after. */
const ERROR = /(: (fatal )?error: |undefined reference to|: multiple definition of|^ERROR: |Error: |^ld: |No rule to make target|internal compiler error|Segmentation fault)/;

/** What a linker or compiler only remarks, in whatever words. */
const WARNING = /: warning: |^ld: NOTE: /;

export class MakeOutput {
  objects = 0;
  /** What make is busy with now. */
  current = '';
  private readonly started = Date.now();
  private readonly recent: string[] = [];
  private error: string[] | undefined;

  /** @param expected objects of a whole build, when known (an earlier build's count, or the base's measured one) */
  constructor(private readonly expected: number | undefined) {}

  line(text: string): void {
    const object = OBJECT.exec(text);
    if (object?.[1]) {
      this.objects += 1;
      this.current = object[1];
    }
    if (this.error) {
      if (this.error.length < 12) this.error.push(text);
      return;
    }
    if (ERROR.test(text) && !WARNING.test(text)) this.error = [...this.recent.slice(-6).filter((line) => !OBJECT.test(line)), text];
    this.recent.push(text);
    if (this.recent.length > 12) this.recent.shift();
  }

  /** Lines around the first error, if there was one. */
  get firstError(): string | undefined {
    return this.error?.join('\n');
  }

  /** "412 of about 1,400 objects, 1m 20s left: net/core/dev.o" */
  text(): string {
    const done = this.objects.toLocaleString('en');
    if (this.objects === 0) return 'nothing compiled yet';
    if (!this.expected) return `${done} objects: ${this.current}`;
    if (this.objects >= this.expected) return `${done} objects, linking: ${this.current}`;
    const left = ((Date.now() - this.started) / this.objects) * (this.expected - this.objects);
    return `${done} of about ${this.expected.toLocaleString('en')} objects, ${formatDuration(left)} left: ${this.current}`;
  }
}
