import { PassThrough, Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { Inflow } from '../../../tasks/lib/fetch/inflow.js';

/** What comes in, from streams that behave as servers do. */

async function all(inflow: Inflow): Promise<string> {
  let text = '';
  for (let bytes = await inflow.next(60); bytes; bytes = await inflow.next(60)) text += bytes.toString();
  return text;
}

it('hands out what came before a failure, then the failure', async () => {
  const stream = new PassThrough();
  const inflow = new Inflow(stream);
  stream.write('one ');
  stream.write('two');
  await new Promise((resolve) => setImmediate(resolve));
  stream.destroy(new Error('broken'));
  await new Promise((resolve) => stream.once('close', resolve));
  expect([String(await inflow.next(60)), String(await inflow.next(60))]).toEqual(['one ', 'two']);
  await expect(inflow.next(60)).rejects.toThrow('broken');
});

it('ends with the stream, also with one that is closed', async () => {
  expect(await all(new Inflow(Readable.from([Buffer.from('a'), Buffer.from('b')])))).toBe('ab');
  const closed = new PassThrough();
  const inflow = new Inflow(closed);
  setImmediate(() => closed.destroy());
  expect(await inflow.next(60)).toBeUndefined();
});

it('makes the other side wait when nobody takes what comes', async () => {
  let made = 0;
  const stream = Readable.from(
    (function* () {
      for (; made < 1000; made += 1) yield Buffer.alloc(1000, 'x');
    })(),
  );
  const inflow = new Inflow(stream, 100_000);
  for (let turn = 0; turn < 500; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(made).toBeLessThan(200);
  expect(await all(inflow)).toHaveLength(1_000_000);
});

it('gives up on silence, not on a process that was held up', async () => {
  const stream = new PassThrough();
  const inflow = new Inflow(stream);
  await expect(inflow.next(0.05)).rejects.toMatchObject({ next: 'retry', message: 'no data for 0.05 s' });
  const waited = inflow.next(0.05);
  // What came is seen only after the timer: as when the machine gave us no time.
  setTimeout(() => {
    for (const until = Date.now() + 100; Date.now() < until; );
    setImmediate(() => stream.write('late'));
  }, 0);
  expect(String(await waited)).toBe('late');
});
