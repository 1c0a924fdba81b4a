import { isOldKernel } from '../../../lib/kernel-release.js';
import type { Rule } from './index.js';

/** Settings that break a gateway, or lock its owner out. */
export const checkTuning: Rule = (file, { flavour }, { errors, warnings }) => {
  const { tuning } = file;
  const lro = 'large receive offload glues packets together that are to be forwarded: it is off on every gateway';
  if (tuning.lro === 'on') errors.push({ path: ['tuning', 'lro'], message: lro });
  for (const [device, features] of Object.entries(tuning.offloads)) {
    for (const feature of ['lro', 'large-receive-offload']) if (features[feature] === 'on' && file.interfaces.some((each) => each.device === device && (each.role === 'inside' || each.role === 'outside'))) errors.push({ path: ['tuning', 'offloads', device, feature], message: lro });
    if (features['gro'] === 'on' && flavour.gateway.off.includes('gro')) warnings.push({ path: ['tuning', 'offloads', device, 'gro'], message: `${flavour.name} needs it off` });
  }
  if (tuning.gro === 'on' && flavour.gateway.off.includes('gro')) warnings.push({ path: ['tuning', 'gro'], message: `${flavour.name} needs it off: packets that it glues together are not translated right` });
  const at = (name: string): PropertyKey[] => ['tuning', 'sysctls', name];
  for (const [name, value] of Object.entries(tuning.sysctls)) {
    const text = String(value);
    if (name === 'net.ipv4.ip_forward' && text !== '1') errors.push({ path: at(name), message: 'a gateway forwards: 1' });
    if (name === 'net.ipv4.vs.defence_tcp_drop' && text !== '0') warnings.push({ path: at(name), message: 'drops TCP to the other ports of a service\'s address, and was seen to cut off ssh to the host' });
    if (name.startsWith('net.ipv4.vs.snat_') && flavour.language?.name !== 'nat-snat') errors.push({ path: at(name), message: `${flavour.name} has no such setting` });
    if (name === 'net.ipv4.vs.debug_level' && tuning.debug !== undefined) warnings.push({ path: at(name), message: 'tuning.debug says it too; this one holds' });
    if (name === 'net.ipv4.vs.fullnat_toa_entry' && text !== '0' && file.snat.length > 0) warnings.push({ path: at(name), message: 'tells servers outside the inside address of every client' });
  }
  const { max, buckets } = tuning.conntrack;
  if (max !== undefined && buckets !== undefined && buckets > max) warnings.push({ path: ['tuning', 'conntrack', 'buckets'], message: 'more buckets than entries' });
  if (tuning.irq.policy !== 'none' && tuning.irq.irqbalance === 'keep') warnings.push({ path: ['tuning', 'irq', 'irqbalance'], message: 'irqbalance overwrites the spread within seconds; ban keeps it away from these interrupts' });
};

/** hash tables are whole pages of list heads, 8 bytes each (nf_ct_alloc_hashtable). */
const PAGE = 512;

/** Sizes of tables: what a kernel takes, and what it makes of it. */
export const checkTables: Rule = (file, { flavour, base }, { errors }) => {
  const { conntrack, ipvs } = file.tuning;
  if (ipvs.table_bits !== undefined && isOldKernel(base.release ?? '')) {
    errors.push({
      path: ['tuning', 'ipvs', 'table_bits'],
      message: `the ip_vs of ${base.release ?? ''} has no such parameter, and is not loaded with one that it does not know; its table is made when it is built: build-kernel ${flavour.name} --set CONFIG_IP_VS_TAB_BITS=${String(ipvs.table_bits)}`,
    });
  }
  if (conntrack.buckets !== undefined && conntrack.buckets % PAGE !== 0) errors.push({ path: ['tuning', 'conntrack', 'buckets'], message: `the kernel takes multiples of ${String(PAGE)}: ${String(Math.ceil(conntrack.buckets / PAGE) * PAGE)}` });
};
