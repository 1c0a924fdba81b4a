import { formatAddress, parseAddress, type Family } from '../../lib/net/address.js';

/** Addresses as usage.awk takes and prints them: 8 or 32 hexadecimal digits. */

function hexOf(family: Family, value: bigint): string {
  return value.toString(16).toUpperCase().padStart(family === 4 ? 8 : 32, '0');
}

/** `CB007164-CB007167 …`: neighbours joined, so that a network of thousands is one word. */
export function rangeWords(addresses: readonly string[]): string {
  const parsed = addresses.flatMap((text) => parseAddress(text) ?? []).sort((a, b) => a.family - b.family || (a.value < b.value ? -1 : 1));
  const ranges: { family: Family; first: bigint; last: bigint }[] = [];
  for (const { family, value } of parsed) {
    const open = ranges.at(-1);
    if (open?.family === family && value <= open.last + 1n) open.last = value;
    else ranges.push({ family, first: value, last: value });
  }
  return ranges.map(({ family, first, last }) => `${hexOf(family, first)}-${hexOf(family, last)}`).join(' ');
}

/** The address of a word of usage.awk. */
export function addressOfHex(hex: string): string {
  return formatAddress({ family: hex.length === 8 ? 4 : 6, value: BigInt(`0x${hex}`) });
}
