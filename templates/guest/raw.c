// SPDX-License-Identifier: MIT
/*
 * raw -P PROTOCOL [-n COUNT] [-b ADDRESS] [-T MS] HOST: IPv4 packets of any protocol number, with 32 bytes in them.
 * A line per packet: "N answered" (a packet of the protocol came back), "N refused NAME" (an ICMP error did), "N silent".
 */
#define _GNU_SOURCE
#include "guest.h"
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int raw_main(int argc, char **argv)
{
	int count = 1, protocol = 0, timeout = 1000, option, fd, bad = 0;
	const char *from_address = "0.0.0.0";
	struct sockaddr_storage to, from;
	socklen_t length;

	while ((option = getopt(argc, argv, "P:n:b:T:")) > 0)
		switch (option) {
		case 'P': protocol = atoi(optarg); break;
		case 'n': count = atoi(optarg); break;
		case 'b': from_address = optarg; break;
		case 'T': timeout = atoi(optarg); break;
		default: return 2;
		}
	if (optind >= argc || protocol <= 0 || protocol > 255)
		return 2;
	length = make_address(argv[optind], 0, &to);
	fd = socket(AF_INET, SOCK_RAW, protocol);
	/* Connected, so that errors for it are reported. */
	if (fd < 0 || bind(fd, (void *)&from, make_address(from_address, 0, &from)) || connect(fd, (void *)&to, length)) {
		printf("0 err %s\n", error_name(errno));
		return 1;
	}
	for (int number = 1; number <= count; number++) {
		char packet[2048] = "build-kernel";
		struct pollfd polled = { fd, POLLIN, 0 };

		if (send(fd, packet, 32, 0) < 0)
			bad = printf("%d refused %s\n", number, error_name(errno));
		else if (poll(&polled, 1, timeout) <= 0)
			bad = printf("%d silent\n", number);
		else if (recv(fd, packet, sizeof packet, 0) < 0)
			bad = printf("%d refused %s\n", number, error_name(errno));
		else
			printf("%d answered\n", number);
	}
	return bad != 0;
}
