/** A clock that is set right by no more is none that was wrong: it does so every day. */
const toleranceMs = 60_000;

/**
 * Those whose clock was ahead when they were made: what came after them bears earlier times. Where times contradict each other those are taken for right with
 * which most agree, so that one moment of a clock that was wrong, ahead or behind, says nothing about all the others.
 *
 * @param inOrder - As they were made, whatever their times say.
 * @param timeOf - In milliseconds.
 */
export function aheadOf<T>(inOrder: readonly T[], timeOf: (one: T) => number): ReadonlySet<T> {
  const times = inOrder.map(timeOf);
  const ahead = new Set<T>();
  if (isOrdered(times)) return ahead;
  let next = Infinity;
  const right = longestOrdered(times);
  for (let index = times.length - 1; index >= 0; index -= 1) {
    const time = times[index] ?? 0;
    const one = inOrder[index];
    if (right.has(index)) next = time;
    else if (time > next + toleranceMs && one !== undefined) ahead.add(one);
  }
  return ahead;
}

function isOrdered(times: readonly number[]): boolean {
  let latest = -Infinity;
  for (const time of times) {
    if (time < latest - toleranceMs) return false;
    latest = Math.max(latest, time);
  }
  return true;
}

/** Indices of the longest part that never goes back; of equally long ones that which ends earliest. */
function longestOrdered(times: readonly number[]): ReadonlySet<number> {
  /** Where the part of each length ends that ends earliest. */
  const ends: number[] = [];
  const before: (number | undefined)[] = [];
  for (const [index, time] of times.entries()) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((times[ends[middle] ?? 0] ?? 0) <= time) low = middle + 1;
      else high = middle;
    }
    before.push(ends[low - 1]);
    ends[low] = index;
  }
  const part = new Set<number>();
  for (let index = ends.at(-1); index !== undefined; index = before[index]) part.add(index);
  return part;
}
