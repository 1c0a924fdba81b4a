/**
 * A configuration as steps, each with its own undoing: so that it can be made, taken away without touching what others
 * made, and turned into another with as little as possible undone between.
 */

export type Command = readonly string[];

export interface Step {
  /** What the step makes: two configurations with one key mean the same thing, perhaps with other settings. */
  key: string;
  add: Command;
  remove: Command;
  /** Gives what is there the settings of `add`. */
  edit?: Command;
  /** Key of a step before it that must be there; when that goes, this goes. */
  parent?: string;
  /** The step must be undone by its own command before its parent is. */
  stays?: boolean;
  /** Steps of one list decide in their order: what stands behind a change is made anew. */
  list?: string;
}

const same = (one: Command, other: Command): boolean => one.length === other.length && one.every((word, index) => word === other[index]);

export const addAll = (steps: readonly Step[]): Command[] => steps.map(({ add }) => add);

/** Undoes the steps that `gone` says, children first; what goes with its parent is not undone by itself. */
function removeThose(steps: readonly Step[], gone: (step: Step) => boolean): Command[] {
  const byKey = new Map(steps.map((step) => [step.key, step]));
  return [...steps].reverse().flatMap((step) => {
    if (!gone(step)) return [];
    const parent = step.parent === undefined ? undefined : byKey.get(step.parent);
    return parent && gone(parent) && !step.stays ? [] : [step.remove];
  });
}

export const removeAll = (steps: readonly Step[]): Command[] => removeThose(steps, () => true);

/** Steps of `old` that a change to `now` leaves, or only edits. */
function kept(old: readonly Step[], now: readonly Step[]): Set<string> {
  const before = new Map(old.map((step) => [step.key, step]));
  const lists = new Map<string, Step[]>();
  for (const step of old) if (step.list !== undefined) lists.set(step.list, [...(lists.get(step.list) ?? []), step]);
  const places = new Map<string, number>();
  const broken = new Set<string>();
  const keep = new Set<string>();
  for (const step of now) {
    const was = before.get(step.key);
    let stays = was !== undefined && (same(was.add, step.add) || step.edit !== undefined) && (step.parent === undefined || keep.has(step.parent));
    if (step.list !== undefined) {
      const place = places.get(step.list) ?? 0;
      places.set(step.list, place + 1);
      if (!stays || broken.has(step.list) || lists.get(step.list)?.[place]?.key !== step.key) {
        broken.add(step.list);
        stays = false;
      }
    }
    if (stays) keep.add(step.key);
  }
  return keep;
}

/**
 * Commands that turn one configuration into another. What both have is not touched; what is new is made before what is old
 * goes, where both can be there at once, so that no pool is empty between.
 */
export function change(old: readonly Step[], now: readonly Step[]): Command[] {
  const keep = kept(old, now);
  const before = new Map(old.map((step) => [step.key, step]));
  const after = new Set(now.map(({ key }) => key));
  // What is made anew under its old key, and lists whose order counts, must be gone first.
  const first = new Set<string>();
  for (const { key, list, parent } of old) if (!keep.has(key) && (after.has(key) || list !== undefined || (parent !== undefined && first.has(parent)))) first.add(key);
  return [
    ...removeThose(old, ({ key }) => first.has(key)),
    ...now.flatMap(({ key, add, edit }) => {
      if (!keep.has(key)) return [add];
      return same(before.get(key)?.add ?? [], add) || edit === undefined ? [] : [edit];
    }),
    ...removeThose(old, ({ key }) => !keep.has(key) && !first.has(key)),
  ];
}
