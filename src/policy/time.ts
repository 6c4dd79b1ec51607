/** RFC 3339 timestamps and instants, in integer math on the proleptic Gregorian calendar. */
import type { Instant } from './resource.ts';

const DAY = 86_400_000;
const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,30}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/**
 * Reads an RFC 3339 timestamp. A fraction finer than a millisecond is cut off; an offset is required.
 * null when the text is anything else or names no real moment (`02-30`, `24:00`, second 60).
 */
export function parseInstant(text: string): Instant | null {
  const parts = RFC_3339.exec(text);
  if (parts === null) return null;
  const number = (i: number) => Number(parts[i] ?? 0);
  const [year, month, day, hour, minute, second] = [number(1), number(2), number(3), number(4), number(5), number(6)];
  const [offsetHours, offsetMinutes] = [number(9), number(10)];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null;
  if (hour > 23 || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) return null;
  const milliseconds = Number((parts[7] ?? '').slice(0, 3).padEnd(3, '0'));
  const offset = (offsetHours * 60 + offsetMinutes) * 60_000 * (parts[8] === '-' ? -1 : 1);
  return daysFromCivil(year, month, day) * DAY + ((hour * 60 + minute) * 60 + second) * 1000 + milliseconds - offset;
}

/** RFC 3339 in UTC with milliseconds. Years outside 0000 to 9999 have no such form and get a sign and six digits (ISO 8601). */
export function showInstant(instant: Instant): string {
  const whole = Math.floor(instant);
  const days = Math.floor(whole / DAY);
  const rest = whole - days * DAY;
  const { year, month, day } = civilFromDays(days);
  const clock = `${pad(rest / 3_600_000, 2)}:${pad((rest / 60_000) % 60, 2)}:${pad((rest / 1000) % 60, 2)}.${pad(rest % 1000, 3)}`;
  return `${showYear(year)}-${pad(month, 2)}-${pad(day, 2)}T${clock}Z`;
}

function pad(value: number, width: number): string {
  return String(Math.floor(value)).padStart(width, '0');
}

function showYear(year: number): string {
  return year >= 0 && year <= 9999 ? pad(year, 4) : `${year < 0 ? '-' : '+'}${pad(Math.abs(year), 6)}`;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days since 1970-01-01. The year is taken to begin in March, so that the leap day is its last; 400 years are 146,097 days. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function civilFromDays(days: number): {
  year: number;
  month: number;
  day: number;
} {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  };
}

/** For people, in UTC: `2026-11-23 09:23:07 UTC`. */
export function showSecond(instant: Instant): string {
  return `${showInstant(instant)
    .replace('T', ' ')
    .replace(/\.\d+Z$/, '')} UTC`;
}
