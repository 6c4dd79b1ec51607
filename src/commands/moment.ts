/** A moment as a person gives it: whole, or the time of day alone. */
import { InvalidInput } from '../errors.ts';
import type { Instant } from '../policy/resource.ts';
import { parseInstant, showInstant } from '../policy/time.ts';

const CLOCK = /^(\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?Z?$/;

/** `HH:MM` or `HH:MM:SS` is UTC, on the day of `lastDay`. Errors: InvalidInput. */
export function readMoment(text: string, lastDay: Instant): Instant {
  const whole = parseInstant(text);
  if (whole !== null) return whole;
  const clock = CLOCK.exec(text);
  const [hour, minute, second = '00', fraction = ''] = clock?.slice(1) ?? [];
  const day = showInstant(lastDay).slice(0, 10);
  const at = clock === null ? null : parseInstant(`${day}T${hour}:${minute}:${second}${fraction}Z`);
  if (at !== null) return at;
  throw new InvalidInput(`--at "${text}" is no time.`, `Write RFC 3339, such as ${day}T09:28:57Z, or the time of day in UTC, 09:28:57.`);
}

/** `09:23:07`, with the date in front when it is not that of `today`. */
export function showMoment(at: Instant, today: Instant): string {
  const text = showInstant(at);
  const clock = text.slice(11, 19);
  return text.slice(0, 10) === showInstant(today).slice(0, 10) ? clock : `${text.slice(0, 10)} ${clock}`;
}

/** `09:23:07 to 09:28:57 UTC`; the date is said once, and only when it is not that of `today`. */
export function showSpan(first: Instant, last: Instant, today: Instant): string {
  const from = showMoment(first, today);
  if (Math.floor(first / 1000) === Math.floor(last / 1000)) return `${from} UTC`;
  const isSameDay = showInstant(first).slice(0, 10) === showInstant(last).slice(0, 10);
  return `${from} to ${isSameDay ? showInstant(last).slice(11, 19) : showMoment(last, today)} UTC`;
}
