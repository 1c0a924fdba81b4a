import { createHash } from 'node:crypto';

/**
 * Just enough OpenPGP (RFC 4880) to take a keyring apart: which certificates are in it, by fingerprint, each as an
 * armoured block that `rpmkeys --import` takes. Nothing is verified here; rpm does that.
 */

export interface Certificate {
  /** 40 hex digits, upper case. */
  fingerprint: string;
  /** ASCII-armoured public key block of this certificate alone. */
  armoured: string;
}

const PUBLIC_KEY = 6;

interface Packet {
  tag: number;
  /** Body of the packet. */
  body: Buffer;
  /** Header and body. */
  whole: Buffer;
}

/** Splits binary OpenPGP data into packets; stops at the first thing that is none. Partial body lengths do not occur in keys. */
function packets(data: Buffer): Packet[] {
  const found: Packet[] = [];
  for (let at = 0; at + 1 < data.length; ) {
    const first = data[at] ?? 0;
    if ((first & 0x80) === 0) break;
    let tag: number;
    let header: number;
    let length: number;
    const second = data[at + 1] ?? 0;
    if ((first & 0x40) !== 0) {
      tag = first & 0x3f;
      if (second < 192) [header, length] = [2, second];
      else if (second < 224) [header, length] = [3, ((second - 192) << 8) + (data[at + 2] ?? 0) + 192];
      else if (second === 255 && at + 6 <= data.length) [header, length] = [6, data.readUInt32BE(at + 2)];
      else break;
    } else {
      tag = (first >> 2) & 0x0f;
      const size = first & 3;
      if (size === 0) [header, length] = [2, second];
      else if (size === 1 && at + 3 <= data.length) [header, length] = [3, data.readUInt16BE(at + 1)];
      else if (size === 2 && at + 5 <= data.length) [header, length] = [5, data.readUInt32BE(at + 1)];
      else break;
    }
    const end = at + header + length;
    if (end > data.length) break;
    found.push({ tag, body: data.subarray(at + header, end), whole: data.subarray(at, end) });
    at = end;
  }
  return found;
}

/** The binary data of every armoured public key block in a text. */
function dearmour(text: string): Buffer[] {
  const blocks = text.matchAll(/-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n([\s\S]*?)-----END PGP PUBLIC KEY BLOCK-----/g);
  return [...blocks].map(([, inner = '']) => {
    // Headers (Version:, Comment:) end with an empty line; the checksum line starts with "=".
    const lines = inner.split(/\r?\n/);
    const blank = lines.findIndex((line) => line.trim() === '');
    const body = lines.slice(blank + 1).filter((line) => !line.startsWith('='));
    return Buffer.from(body.join(''), 'base64');
  });
}

/** CRC-24 of RFC 4880, 6.1: rpm insists on it. */
function crc24(data: Buffer): number {
  let crc = 0xb704ce;
  for (const byte of data) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit += 1) {
      crc <<= 1;
      if ((crc & 0x1000000) !== 0) crc ^= 0x1864cfb;
    }
  }
  return crc & 0xffffff;
}

function armour(data: Buffer): string {
  const crc = crc24(data);
  const check = Buffer.from([crc >> 16, (crc >> 8) & 0xff, crc & 0xff]).toString('base64');
  const lines = data.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN PGP PUBLIC KEY BLOCK-----', '', ...lines, `=${check}`, '-----END PGP PUBLIC KEY BLOCK-----', ''].join('\n');
}

/** Version 4 fingerprint of a public key packet (RFC 4880, 12.2); other versions are not used by the keys in question. */
function fingerprint(body: Buffer): string | undefined {
  if (body[0] !== 4) return undefined;
  const prefix = Buffer.from([0x99, body.length >> 8, body.length & 0xff]);
  return createHash('sha1').update(prefix).update(body).digest('hex').toUpperCase();
}

/**
 * Certificates of a key file.
 * @param data armoured (one block or several) or binary
 * @returns one entry per primary key; empty when the file holds none
 */
export function certificates(data: Buffer): Certificate[] {
  const text = data.toString('latin1');
  const sources = text.includes('-----BEGIN PGP PUBLIC KEY BLOCK-----') ? dearmour(text) : [data];
  const found: Certificate[] = [];
  for (const source of sources) {
    let current: { fingerprint: string | undefined; parts: Buffer[] } | undefined;
    const flush = (): void => {
      if (current?.fingerprint) found.push({ fingerprint: current.fingerprint, armoured: armour(Buffer.concat(current.parts)) });
    };
    for (const packet of packets(source)) {
      if (packet.tag === PUBLIC_KEY) {
        flush();
        current = { fingerprint: fingerprint(packet.body), parts: [] };
      }
      current?.parts.push(packet.whole);
    }
    flush();
  }
  return found;
}
