/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names that glibc gives away with other headers and keepalived 1.2.2 and ipvsadm 1.26 use without including
 * anything for them. Compiled into every file (-include); does nothing with glibc.
 */
#ifndef BUILD_KERNEL_MUSL_H
#define BUILD_KERNEL_MUSL_H

#include <features.h>

#ifndef __GLIBC__
#include <stdint.h>
#include <sys/types.h>	/* u_char, u_short, u_int */

typedef uint8_t __uint8_t;
typedef uint16_t __uint16_t;
typedef uint32_t __uint32_t;
typedef uint64_t __uint64_t;
#endif

#endif
