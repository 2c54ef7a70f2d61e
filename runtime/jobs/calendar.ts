/** The day of a time in a zone, as 2026-03-29. */
const dayIn = (at: Date, zone: string): string => new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' }).format(at);

/** Weeks begin on Monday; a week is named after that day, so one that spans two years has one name. */
function weekIn(at: Date, zone: string): string {
  const day = new Date(`${dayIn(at, zone)}T00:00:00Z`);
  const sinceMonday = (day.getUTCDay() + 6) % 7;
  return new Date(day.getTime() - sinceMonday * 86_400_000).toISOString().slice(0, 10);
}

export type Period = 'daily' | 'weekly' | 'monthly';

/** Two times are of one period when these names are equal. */
export const periods: Readonly<Record<Period, (at: Date, zone: string) => string>> = {
  daily: dayIn,
  weekly: weekIn,
  monthly: (at, zone) => dayIn(at, zone).slice(0, 7),
};
