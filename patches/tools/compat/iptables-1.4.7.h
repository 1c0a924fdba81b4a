/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * iptables 1.4.7 with current headers. It brings kernel headers of its own that lack names which current ones take for
 * granted; and with musl the kernel's and the C library's definitions of the same structs meet, which glibc's headers
 * avoid between themselves.
 */
#ifndef BUILD_KERNEL_IPTABLES_1_4_7_H
#define BUILD_KERNEL_IPTABLES_1_4_7_H

#include <features.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/types.h>

#ifndef __aligned_u64
#define __aligned_u64 __u64 __attribute__((aligned(8)))
#endif

#ifndef __GLIBC__
#include <net/if.h>
#include <netinet/ip.h>
/* The C library's struct ifreq, ifmap and iphdr are there: leave out the kernel's. */
#define _LINUX_IF_H
#define _LINUX_IP_H
#define _UAPI_LINUX_IP_H
#endif

#endif
