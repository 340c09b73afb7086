// What the counters of a hub tell: how many of each in which time, and how long notices took. Nothing here asks or
// shows anything.

/**
 * How long notices took from the decision to the socket (told) and to their receipt (acked). Of the counts, the first
 * is of those that took up to le[0] ms, and the last of those that took longer than all of le.
 * @typedef {{ le: number[], told: number[], acked: number[] }} Latency
 */
/**
 * What one instance, or all together, have open now and have counted since they began.
 * @typedef {{ connections: number, sessions: number, admitted: number, forced?: number, told: number, acked: number,
 *   notice_ms?: Latency }} Counters
 */
/**
 * An instance as of its last beat. Its load and state are those that the hub gives.
 * @typedef {Counters & { id: string, version: string, started_at: string, beat_at: string, state?: string,
 *   detail?: string, cpu?: number, memory_bytes?: number, goroutines?: number, max_connections?: number }} Instance
 */
/**
 * The sums over all instances at a moment. It continues if they are of the same instances as those of the point before,
 * and of new ones.
 * @typedef {Counters & { at: string, instances: number, continues?: boolean }} Point
 */
/**
 * How much the counters have grown since the sample before.
 * @typedef {{ logins: number, forced: number, told: number, acked: number, latency: number[] }} Gain
 */
/**
 * The hub at one moment, in ms since 1970 by its own clock. Where the gain is null, it is not known.
 * @typedef {{ at: number, connections: number, sessions: number, gain: Gain | null }} Sample
 */

/** What is longer than this between two samples, in ms, was slept through: what came in it came nobody knows when. */
const GAP = 15_000;

/** The bounds of the hub's histogram of latencies in ms, until it has said so itself. */
const BOUNDS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10_000];

/** @param {Counters} counters @returns {Gain} what was counted since the beginning */
function total({ admitted, forced = 0, told, acked, notice_ms: latency }) {
  return { logins: admitted, forced, told, acked, latency: latency?.told ?? [] };
}

/**
 * Returns by how much counters have grown; null if one went down, which is to say that they began anew.
 * @param {Counters} before
 * @param {Counters} after
 * @returns {Gain | null}
 */
export function grown(before, after) {
  const [a, b] = [total(before), total(after)];
  const gain = {
    logins: b.logins - a.logins, forced: b.forced - a.forced, told: b.told - a.told, acked: b.acked - a.acked,
    latency: b.latency.map((count, i) => count - (a.latency[i] ?? 0)),
  };
  const all = [gain.logins, gain.forced, gain.told, gain.acked, ...gain.latency];
  return all.every((n) => n >= 0) ? gain : null;
}

/**
 * Adds up gains.
 * @param {Gain[]} gains
 * @returns {Gain}
 */
export function sum(gains) {
  const all = /** @type {Gain} */ ({ logins: 0, forced: 0, told: 0, acked: 0, latency: [] });
  for (const gain of gains) {
    all.logins += gain.logins;
    all.forced += gain.forced;
    all.told += gain.told;
    all.acked += gain.acked;
    gain.latency.forEach((count, i) => (all.latency[i] = (all.latency[i] ?? 0) + count));
  }
  return all;
}

/** @param {Instance[]} instances @returns {number} when the latest of them beat, in ms since 1970 */
export const lastBeat = (instances) => Math.max(0, ...instances.map((i) => Date.parse(i.beat_at)));

/**
 * Adds up the counters of instances.
 * @param {Instance[]} instances
 * @returns {Point}
 */
export function together(instances) {
  const le = instances.find((i) => i.notice_ms)?.notice_ms?.le ?? BOUNDS;
  const all = sum(instances.map(total));
  return {
    at: new Date(lastBeat(instances)).toISOString(),
    instances: instances.length,
    connections: instances.reduce((n, i) => n + i.connections, 0),
    sessions: instances.reduce((n, i) => n + i.sessions, 0),
    admitted: all.logins, forced: all.forced, told: all.told, acked: all.acked,
    notice_ms: { le, told: all.latency, acked: [] },
  };
}

/**
 * Samples all instances, each compared with itself: so one that goes takes nothing away, one that is new counts from
 * nothing, and one that was away for a while brings nothing with it that is older.
 * @param {Instance[]} instances
 * @param {Instance[]} before the same a little earlier; none are nothing to compare with
 * @returns {Sample}
 */
export function sample(instances, before) {
  const at = lastBeat(instances);
  const since = lastBeat(before);
  const gains = instances.map((now) => {
    const same = before.find((b) => b.id === now.id && b.started_at === now.started_at);
    if (same) return grown(same, now);
    return Date.parse(now.started_at) > since ? total(now) : null;
  });
  const known = gains.filter((gain) => gain !== null);
  const { connections, sessions } = together(instances);
  return {
    at, connections, sessions,
    gain: before.length === 0 || at - since > GAP || known.length === 0 ? null : sum(known),
  };
}

/**
 * Samples the hub's own memory of its sums. Where a point does not go on from the one before, the gain is not known.
 * @param {Point[]} points oldest first
 * @returns {Sample[]}
 */
export function remembered(points) {
  return points.map((point, i) => {
    const before = points[i - 1];
    const at = Date.parse(point.at);
    const known = before && point.continues && at - Date.parse(before.at) <= GAP;
    return {
      at, connections: point.connections, sessions: point.sessions, gain: known ? grown(before, point) : null,
    };
  });
}

/**
 * Puts samples in order of time, each moment once and those of the first list before those of the second.
 * @param {Sample[]} some
 * @param {Sample[]} more
 * @param {number} since what is older goes
 * @returns {Sample[]}
 */
export function merged(some, more, since) {
  const first = some[0]?.at ?? Infinity;
  const last = some.at(-1)?.at ?? -Infinity;
  const rest = more.filter(({ at }) => at < first || at > last);
  return [...some, ...rest].filter(({ at }) => at > since).sort((a, b) => a.at - b.at);
}

/**
 * Adds up gains in equal steps of time, which begin at whole multiples of the step.
 * @param {Sample[]} samples
 * @param {number} since in ms since 1970
 * @param {number} until
 * @param {number} step in ms
 * @returns {{ at: number, gain: Gain | null }[]} at is where a step begins; a step without samples has no gain
 */
export function steps(samples, since, until, step) {
  const begin = Math.floor(since / step);
  const buckets = Array.from({ length: Math.floor(until / step) - begin + 1 }, () => /** @type {Gain[]} */ ([]));
  for (const { at, gain } of samples) {
    if (gain) buckets[Math.floor(at / step) - begin]?.push(gain);
  }
  return buckets.map((gains, i) => ({ at: (begin + i) * step, gain: gains.length ? sum(gains) : null }));
}

/**
 * Returns the time within which a share of notices was told, as exactly as the buckets can say: in between it is taken
 * to be even. Above the last bound it is that bound; of nothing it is null.
 * @param {number[]} counts one more than bounds
 * @param {number} share from 0 to 1
 * @param {number[]} [bounds] in ms
 * @returns {number | null}
 */
export function quantile(counts, share, bounds = BOUNDS) {
  let rest = share * counts.reduce((a, b) => a + b, 0);
  if (!(rest > 0)) return null;
  for (const [i, count] of counts.entries()) {
    if (rest > count) {
      rest -= count;
      continue;
    }
    const below = bounds[i - 1] ?? 0;
    return below + ((bounds[i] ?? below) - below) * (rest / count);
  }
  return bounds.at(-1) ?? null;
}
