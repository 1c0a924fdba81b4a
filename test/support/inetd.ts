import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/**
 * A program that serves one connection on its standard input and output, started for each as inetd does it: the port is
 * the kernel's choice and never free in between, nothing has to be waited for, and stop() knows every session.
 */
export interface Inetd {
  port: number;
  /** Leaders of the process groups that serve now. */
  sessions: ReadonlySet<ChildProcess>;
  /** Sends a signal to every session, and to what it started. */
  signal(signal: NodeJS.Signals): void;
  /** Ends the sessions, and returns when all of them have ended. */
  stop(): Promise<void>;
}

export async function startInetd(argv: readonly [string, ...string[]], env: NodeJS.ProcessEnv = process.env): Promise<Inetd> {
  const [file, ...args] = argv;
  const sessions = new Set<ChildProcess>();
  const server = createServer({ pauseOnConnect: true }, (socket: Socket) => {
    const child = spawn(file, args, { stdio: [socket, socket, 'ignore'], detached: true, env });
    sessions.add(child);
    for (const event of ['exit', 'error']) child.once(event, () => sessions.delete(child));
    // The session has the connection now; ours is closed without a word to the other side.
    socket.destroy();
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const signal = (name: NodeJS.Signals): void => {
    for (const { pid } of sessions) {
      try {
        if (pid !== undefined) process.kill(-pid, name);
      } catch {
        // It has just ended.
      }
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    sessions,
    signal,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      const ended = [...sessions].map((child) => new Promise((resolve) => child.once('exit', resolve)));
      signal('SIGKILL');
      await Promise.all([closed, ...ended]);
    },
  };
}
