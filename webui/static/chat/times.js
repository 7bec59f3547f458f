// Times and days as people say them, in the page's language.

const formats = new Map(); // making one takes longer than a hundred uses of it

export function timeLabel(iso, locale) {
  return formatOf(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(iso));
}

export function dayLabel(iso, locale, strings) {
  const date = new Date(iso);
  const numDaysAgo = Math.round((startOfDay(new Date()) - startOfDay(date)) / 86_400_000);
  if (numDaysAgo === 0) return strings.today;
  if (numDaysAgo === 1) return strings.yesterday;
  return dateLabel(date, locale);
}

// The year only where it isn't this one.
export function dateLabel(date, locale) {
  const isThisYear = date.getFullYear() === new Date().getFullYear();
  return formatOf(locale, { month: "long", day: "numeric", ...(isThisYear ? {} : { year: "numeric" }) }).format(date);
}

function formatOf(locale, options) {
  const key = `${locale} ${Object.keys(options)}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(locale, options));
  return formats.get(key);
}

function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate());
}
