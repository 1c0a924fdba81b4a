// SPDX-License-Identifier: MIT
/*
 * blast -n COUNT [-f FLOWS] [-p PORTS] [-w WARM] -b SOURCE HOST PORT: UDP datagrams of IPv4 from a raw socket, round robin
 * over FLOWS source ports and PORTS destination ports; the first WARM are not measured. Prints the time of one in
 * nanoseconds, sender included. For measuring what forwarding costs inside one test guest.
 * sink PORT PORTS: takes nothing: what comes fills its queues and is dropped, at a cost that is always the same.
 */
#define _GNU_SOURCE
#include "guest.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int blast_main(int argc, char **argv)
{
	struct { struct iphdr ip; struct udphdr udp; char data[18]; } __attribute__((packed)) packet;
	int count = 1000, flows = 1, ports = 1, warm = 0, option, fd, failed = 0, port;
	struct sockaddr_storage to, from;
	struct sockaddr_in *to4 = (void *)&to;
	const char *source = NULL;
	int64_t began = 0;

	while ((option = getopt(argc, argv, "n:f:p:w:b:")) > 0)
		switch (option) {
		case 'n': count = atoi(optarg); break;
		case 'f': flows = atoi(optarg); break;
		case 'p': ports = atoi(optarg); break;
		case 'w': warm = atoi(optarg); break;
		case 'b': source = optarg; break;
		default: return 2;
		}
	if (argc - optind < 2 || !source || count < 1 || flows < 1 || flows > 60000 || ports < 1)
		return 2;
	port = atoi(argv[optind + 1]);
	make_address(argv[optind], 0, &to);
	make_address(source, 0, &from);
	fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (fd < 0)
		return 1;
	for (int i = 0; i < warm + count; i++) {
		uint32_t sum = IPPROTO_UDP + sizeof packet.udp + sizeof packet.data;
		const unsigned char *bytes = (void *)&packet;

		if (i == warm)
			began = now_ns();
		memset(&packet, 0, sizeof packet);
		packet.ip.version = 4;
		packet.ip.ihl = 5;
		packet.ip.ttl = 64;
		packet.ip.protocol = IPPROTO_UDP;
		packet.ip.tot_len = htons(sizeof packet);
		packet.ip.saddr = ((struct sockaddr_in *)&from)->sin_addr.s_addr;
		packet.ip.daddr = to4->sin_addr.s_addr;
		packet.udp.source = htons(2000 + i % flows);
		packet.udp.dest = htons(port + i % ports);
		packet.udp.len = htons(sizeof packet.udp + sizeof packet.data);
		for (size_t at = 12; at + 1 < sizeof packet; at += 2)
			sum += bytes[at] << 8 | bytes[at + 1];
		while (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
		packet.udp.check = htons(~sum & 0xffff);
		if (sendto(fd, &packet, sizeof packet, 0, (void *)to4, sizeof *to4) < 0)
			failed++;
	}
	printf("%lld ns, %d failed\n", (long long)((now_ns() - began) / count), failed);
	return failed ? 1 : 0;
}

int sink_main(int argc, char **argv)
{
	int port = argc > 1 ? atoi(argv[1]) : 0, ports = argc > 2 ? atoi(argv[2]) : 1;

	for (int i = 0; i < ports; i++) {
		struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port + i) };
		int fd = socket(AF_INET, SOCK_DGRAM, 0), none = 0;

		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &none, sizeof none);
		if (bind(fd, (void *)&any, sizeof any))
			return 1;
	}
	for (;;)
		pause();
}
