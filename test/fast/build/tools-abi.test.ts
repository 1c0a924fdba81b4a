import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compareAbi, readAbi, type AbiInput } from '../../../tasks/build/tools/abi.js';
import { layoutOf, parseDebugInfo } from '../../../tasks/build/tools/layout.js';
import { ExpectedError } from '../../../tasks/lib/errors.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tools-abi-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const KERNEL = `
#ifndef _IP_VS_H
#define _IP_VS_H
#include <linux/types.h>
#define IP_VS_BASE_CTL (64+1024+64)
#define IP_VS_SO_SET_ADD (IP_VS_BASE_CTL+2)
#define IP_VS_SO_SET_ADDZONE (IP_VS_BASE_CTL+18)
#define IP_VS_SO_SET_MAX IP_VS_SO_SET_ADDZONE
#define IP_VS_SCHEDNAME_MAXLEN 16
struct ip_vs_service_user {
  __u16 protocol; __be32 addr; __be16 port; __u32 fwmark;
  char sched_name[IP_VS_SCHEDNAME_MAXLEN];
  unsigned flags, timeout; __be32 netmask;
};
struct ip_vs_getinfo { unsigned int version, size, num_services; };
struct ip_vs_stats_user { __u64 conns; __u32 cps; };
struct ip_vs_service_entry { __be32 addr; struct ip_vs_stats_user stats; };
struct ip_vs_get_services { unsigned int num_services; struct ip_vs_service_entry entrytable[0]; };
enum { IPVS_CMD_UNSPEC = 0, IPVS_CMD_SET_CONFIG = 12, IPVS_CMD_NEW_LADDR = 18, __IPVS_CMD_MAX };
#endif
`;

/** The same in the tools' words: kernel shapes as NAME_kern, wider structs of their own as NAME. */
const TOOLS = `
#ifndef _IP_VS_H
#define _IP_VS_H
#include <netinet/in.h>
#include <linux/types.h>
#define IP_VS_BASE_CTL (64+1024+64)
#define IP_VS_SO_SET_ADD (IP_VS_BASE_CTL+2)
#define IP_VS_SO_SET_ADDZONE (IP_VS_BASE_CTL+18)
#define IP_VS_SO_SET_MAX (IP_VS_BASE_CTL+15)
#define IP_VS_SCHEDNAME_MAXLEN 16
struct ip_vs_service_kern {
  u_int16_t protocol; __be32 __addr_v4; __be16 port; u_int32_t fwmark;
  char sched_name[IP_VS_SCHEDNAME_MAXLEN];
  unsigned flags; unsigned timeout; __be32 netmask;
};
struct ip_vs_service_user { struct ip_vs_service_kern old; u_int16_t af; char pe_name[16]; };
struct ip_vs_getinfo { unsigned int version; unsigned int size; unsigned int num_services; };
struct ip_vs_stats_user { __u64 conns; __u32 cps; };
struct ip_vs_service_entry_kern { __be32 addr; struct ip_vs_stats_user stats; };
struct ip_vs_service_entry { __be32 addr; struct ip_vs_stats_user stats; u_int16_t af; };
struct ip_vs_get_services_kern { unsigned int num_services; struct ip_vs_service_entry_kern entrytable[0]; };
enum { IPVS_CMD_UNSPEC = 0, IPVS_CMD_SET_TIMEOUT = 12, IPVS_CMD_NEW_LADDR = 18, __IPVS_CMD_MAX };
#endif
`;

async function input(kernel: string, tools: string, toolset: Partial<AbiInput['toolset']> = {}, place = 'linux'): Promise<AbiInput> {
  await mkdir(join(folder, 'include', place), { recursive: true });
  await writeFile(join(folder, 'include', place, 'ip_vs.h'), kernel);
  await writeFile(join(folder, 'tools.h'), tools);
  return {
    kernelInclude: join(folder, 'include'),
    toolsHeader: join(folder, 'tools.h'),
    cc: 'gcc',
    toolset: { name: 'mini', netlink: true, abi: [], ...toolset },
    workDir: join(folder, 'work'),
  };
}

async function failure(promise: Promise<unknown>): Promise<ExpectedError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ExpectedError)) throw new Error(`no expected error: ${String(error)}`);
  return error;
}

describe('compareAbi', () => {
  it('finds nothing between two headers that agree under different names', async () => {
    const report = await compareAbi(await input(KERNEL, TOOLS));
    expect(report.differences).toEqual([]);
    expect(report.structs).toBe(5);
    // The sentinel differs and means nothing; "timeout" is the kernel's "config".
    expect(report.constants).toBeGreaterThanOrEqual(5);
    expect(report.notes).toEqual([]);
  });

  it('finds the kernel header under uapi/, where current kernels keep it', async () => {
    expect((await compareAbi(await input(KERNEL, TOOLS, {}, 'uapi/linux'))).structs).toBe(5);
  });

  it('names struct, member, both offsets and the cause when the tools have a member more', async () => {
    const tools = TOOLS.replace('struct ip_vs_service_entry_kern { __be32 addr;', 'struct ip_vs_service_entry_kern { __be32 addr; __u64 est_timeout;');
    const error = await failure(compareAbi(await input(KERNEL, tools)));
    expect(error.code).toBe('abi');
    expect(error.exitStatus).toBe(10);
    expect(error.what).toContain('ip_vs_service_entry');
    expect(error.why).toMatch(/ip_vs_service_entry\.est_timeout: kernel absent, tools offset 8, 8 bytes \(only the tools have it/);
    expect(error.why).toMatch(/ip_vs_service_entry\.stats: kernel offset 8, 16 bytes, tools offset 16, 16 bytes/);
    expect(error.why).toMatch(/ip_vs_service_entry: kernel 24 bytes, tools 32 bytes/);
  });

  it('names a member that only the kernel has, and one of another width', async () => {
    const kernel = KERNEL.replace('num_services; };\nstruct ip_vs_stats', 'num_services, num_zones; };\nstruct ip_vs_stats').replace('__u64 conns;', '__u32 conns;');
    const { differences } = await readAbi(await input(kernel, TOOLS));
    expect(differences).toContainEqual(expect.objectContaining({ where: 'ip_vs_getinfo', member: 'num_zones', cause: expect.stringContaining('only the kernel') as string }));
    expect(differences).toContainEqual(expect.objectContaining({ where: 'ip_vs_stats_user', member: 'conns', cause: expect.stringContaining('another width') as string }));
  });

  it('takes a member that only has another name for a note', async () => {
    const report = await compareAbi(await input(KERNEL, TOOLS.replace('timeout; __be32 netmask', 'timeout; __be32 mask')));
    expect(report.notes).toEqual(['ip_vs_service_user.netmask is called mask by the tools']);
  });

  it('sees the order of members, which sizes do not show', async () => {
    const { differences } = await readAbi(await input(KERNEL.replace('version, size', 'size, version'), TOOLS));
    expect(differences.map(({ member }) => member).sort()).toEqual(['size', 'version']);
    expect(differences[0]?.cause).toContain('order');
  });

  it('notes a struct that one side has, and an option only the tools know', async () => {
    const tools = `${TOOLS}\nstruct ip_vs_laddr_kern { __be32 addr; };\n#define IP_VS_SO_SET_ADDSNAT (IP_VS_BASE_CTL+30)\n`;
    const { notes, differences } = await readAbi(await input(`${KERNEL}\nstruct ip_vs_zone_user { __be32 addr; };\n`, tools));
    expect(differences).toEqual([]);
    expect(notes).toContain('struct ip_vs_zone_user is known to the kernel only');
    expect(notes).toContain('struct ip_vs_laddr_kern is known to the tools only');
    expect(notes).toContain('known to the tools only: IP_VS_SO_SET_ADDSNAT');
  });

  it('refuses tools that give a socket option number another meaning', async () => {
    const error = await failure(compareAbi(await input(KERNEL, TOOLS.replace('IP_VS_SO_SET_ADDZONE', 'IP_VS_SO_SET_ADDSNAT'))));
    expect(error.why).toMatch(/IP_VS_SO_SET_ADDSNAT: kernel 1170, tools 1170 \(the kernel takes this number for IP_VS_SO_SET_ADDZONE/);
  });

  it('counts netlink numbers only for tools that speak netlink', async () => {
    const tools = TOOLS.replace('IPVS_CMD_NEW_LADDR = 18', 'IPVS_CMD_NEW_LADDR = 19');
    expect((await failure(compareAbi(await input(KERNEL, tools)))).why).toContain('IPVS_CMD_NEW_LADDR: kernel 18, tools 19');
    const report = await compareAbi(await input(KERNEL, tools, { netlink: false }));
    expect(report.notes.join()).toContain('these tools use socket options');
  });

  it('accepts a published difference that the tool set names, and says so', async () => {
    const tools = TOOLS.replace('struct ip_vs_getinfo { unsigned int version;', 'struct ip_vs_getinfo { unsigned int version, more;');
    const report = await compareAbi(await input(KERNEL, tools, { abi: [{ struct: 'ip_vs_getinfo', why: 'never sent' }] }));
    expect(report.notes.join('\n')).toMatch(/ip_vs_getinfo\.more: .* known: never sent/);
  });

  it('says which header does not compile', async () => {
    const error = await failure(compareAbi(await input(KERNEL, TOOLS.replace('__u64 conns', 'no_such_type conns'))));
    expect(error.code).toBe('abi');
    expect(error.what).toContain("ip_vs.h of the tools");
    expect(error.why).toContain('no_such_type');
  });

  it('refuses headers that have nothing in common', async () => {
    expect((await failure(compareAbi(await input(KERNEL, '#define IP_VS_SO_SET_NONE 1\n')))).what).toContain('no struct in common');
  });
});

describe('parseDebugInfo', () => {
  it('reads the output of readelf with and without attribute forms', () => {
    const plain = ` <1><2d>: Abbrev Number: 5 (DW_TAG_structure_type)
    <2e>   DW_AT_name        : (indirect string, offset: 0x15): ip_vs_x
    <32>   DW_AT_byte_size   : 4
 <2><34>: Abbrev Number: 6 (DW_TAG_member)
    <35>   DW_AT_name        : a
    <37>   DW_AT_type        : <0x40>
    <3b>   DW_AT_data_member_location: 0
 <2><3c>: Abbrev Number: 0
 <1><40>: Abbrev Number: 3 (DW_TAG_base_type)
    <41>   DW_AT_byte_size   : 4`;
    const forms = plain.replace('(indirect string, offset: 0x15):', '(strp) (offset: 0x15):').replaceAll(/(byte_size {3}:|location:) /g, '$1 (data1) ').replace(': <0x40>', ': (ref4) <0x40>, int');
    for (const text of [plain, forms]) {
      expect(layoutOf(parseDebugInfo(text)).structs.get('ip_vs_x')).toEqual({ size: 4, members: [{ name: 'a', offset: 0, size: 4 }] });
    }
  });
});
