import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const LISTEN = '0A';

/** The addresses on which a process listens for TCP, as `/proc` tells them: `127.0.0.1`, or in hexadecimal whatever is not that. */
export function listeningAddresses(pid: number): readonly string[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        const link = readlinkSync(`/proc/${pid}/fd/${fd}`);
        return link.startsWith('socket:[') ? [link.slice('socket:['.length, -1)] : [];
      } catch {
        return [];
      }
    }),
  );
  return ['tcp', 'tcp6'].flatMap((family) => {
    const rows = readFileSync(`/proc/${pid}/net/${family}`, 'utf8').split('\n').slice(1);
    return rows.flatMap((row) => {
      const [, local = '', , state, , , , , , inode = ''] = row.trim().split(/\s+/);
      if (state !== LISTEN || !sockets.has(inode)) return [];
      const address = local.slice(0, local.indexOf(':'));
      return [address === '0100007F' ? '127.0.0.1' : address];
    });
  });
}
