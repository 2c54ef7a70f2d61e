/** A schedule whose next time is half a year away: what a site does by itself at some minute of an hour must not come between two steps of a test. */
export const farAway = (): string => {
  const day = new Date(Date.now() + 180 * 86_400_000);
  return `0 0 ${Math.min(day.getUTCDate(), 28)} ${day.getUTCMonth() + 1} *`;
};
