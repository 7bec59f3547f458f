// Times and days as people say them, in the page's language.

export function timeLabel(iso, locale) {
  return new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(iso));
}

export function dayLabel(iso, locale, strings) {
  const date = new Date(iso);
  const numDaysAgo = Math.round((startOfDay(new Date()) - startOfDay(date)) / 86_400_000);
  if (numDaysAgo === 0) return strings.today;
  if (numDaysAgo === 1) return strings.yesterday;
  const isThisYear = date.getFullYear() === new Date().getFullYear();
  const year = isThisYear ? {} : { year: "numeric" };
  return new Intl.DateTimeFormat(locale, { month: "long", day: "numeric", ...year }).format(date);
}

function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate());
}
