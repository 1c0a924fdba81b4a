/** Where a plan is carried out: this host, one reached by ssh, a folder that is an image's root. */
export interface Target {
  /** For messages: "gw1", "this host", "folder /srv/image". */
  name: string;
  kind: 'local' | 'ssh' | 'folder';
  /** Prefix of every path: '' or the folder. Scripts have it as $ROOT; put and get add it themselves. */
  root: string;
  /**
   * Runs a shell script (passed by standard input, never on a command line) with arguments, as root, $ROOT set. Only a
   * script that arrived whole runs. Standard input is empty; what the script leaves in the background must have its output
   * elsewhere, or this waits for it.
   * @returns status and output (one final newline stripped); a status not in `ok` (default [0]) is an ExpectedError
   *   provision, a connection that breaks one of network
   */
  sh(script: string, args?: readonly string[], options?: { timeout?: number; input?: undefined; ok?: number[] }): Promise<{ exitCode: number; stdout: string; stderr: string }>;
  /** Writes a file (whole or not at all), mode 0600 unless said. Its folder must be there. */
  put(path: string, data: Buffer | { file: string }, mode?: number): Promise<void>;
  /** Reads a file; undefined when it is not there. */
  get(path: string): Promise<Buffer | undefined>;
  /**
   * Waits until the host answers with another boot than when this target was made (or this returned true last), seconds at
   * most. @returns false when it does not
   */
  waitUp(seconds: number): Promise<boolean>;
  close(): Promise<void>;
}
