/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libnl 3 for programs written for libnl 1 (gone from every distribution). Found before libnl's own header of this
 * name.
 *
 * Beside the renames one behaviour differs: libnl 1 returned the kernel's errno, libnl 3 its own NLE_ numbers, which
 * map several errnos to one. The programs print their messages by errno ("Service not defined", "No such
 * destination"), so the kernel's number is kept by an error callback.
 */
#ifndef BUILD_KERNEL_LIBNL1_H
#define BUILD_KERNEL_LIBNL1_H

#include_next <netlink/netlink.h>
#include <errno.h>
#include <netlink/errno.h>

#define nl_handle		nl_sock
#define nl_handle_alloc		nl_socket_alloc
#define nl_handle_destroy	nl_socket_free

static inline int libnl1_keep_errno(struct sockaddr_nl *who, struct nlmsgerr *reply, void *arg)
{
	(void)who;
	*(int *)arg = reply->error;
	return NL_STOP;
}

/* What does not come from the kernel's answer. */
static inline int libnl1_errno(int nle)
{
	switch (nle) {
	case NLE_NOMEM:		return ENOMEM;
	case NLE_INTR:		return EINTR;
	case NLE_AGAIN:		return EAGAIN;
	case NLE_BAD_SOCK:	return EBADF;
	case NLE_PERM:		return EPERM;
	case NLE_INVAL:		return EINVAL;
	case NLE_OBJ_NOTFOUND:	return ENOENT;
	case NLE_MSGSIZE:	return EMSGSIZE;
	default:		return EPROTO;
	}
}

static inline int libnl1_recvmsgs_default(struct nl_sock *sk)
{
	int refused = 0, err;

	nl_socket_modify_err_cb(sk, NL_CB_CUSTOM, libnl1_keep_errno, &refused);
	err = nl_recvmsgs_default(sk);
	nl_socket_modify_err_cb(sk, NL_CB_DEFAULT, NULL, NULL);
	if (refused < 0)
		return refused;
	return err < 0 ? -libnl1_errno(-err) : err;
}
#define nl_recvmsgs_default	libnl1_recvmsgs_default

#endif
