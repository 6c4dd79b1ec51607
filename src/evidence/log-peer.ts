/** What a client's proxy was dialling, from the spans of the event. */
import { SPAN } from './conventions.ts';
import type { Peer } from './facts.ts';
import { type LogEvent, spanField, spanOf } from './log-event.ts';
import { readPort } from './log-text.ts';

/** null: no outbound or control-plane span. `port`: the application's at the endpoint. */
export function peerOf(event: LogEvent): { readonly peer: Peer; readonly port: number | null } | null {
  const controller = spanField(event, SPAN.controller, 'addr');
  if (controller !== null) return { peer: { service: null, address: controller }, port: null };
  if (spanOf(event, SPAN.outbound) === null) return null;
  const endpoint = spanField(event, SPAN.endpoint, 'addr') ?? spanField(event, SPAN.forward, 'addr');
  const fields = spanOf(event, SPAN.service)?.fields;
  const namespace = fields?.get('ns');
  const name = fields?.get('name');
  const service = namespace === undefined || name === undefined ? null : { namespace, name, port: readPort(fields?.get('port') ?? '') };
  return { peer: { service, address: endpoint ?? spanField(event, SPAN.proxy, 'addr') }, port: portOf(endpoint) };
}

function portOf(address: string | null): number | null {
  return address === null ? null : readPort(address.slice(address.lastIndexOf(':') + 1));
}
