// SPDX-License-Identifier: MIT
/*
 * ping [-n COUNT] [-s SIZE] [-t TTL] [-M] [-i ID] [-b ADDRESS] [-T MS] HOST
 * A line per request: "N reply FROM MS", "N unreachable CODE FROM", "N exceeded CODE FROM", "N toobig MTU FROM", "N timeout".
 * -M sets "don't fragment". IPv4 and IPv6. Exit status 0 when all were answered.
 */
#define _GNU_SOURCE
#include "guest.h"
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint16_t checksum(const unsigned char *data, size_t length)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < length; i += 2)
		sum += data[i] << 8 | data[i + 1];
	if (length & 1)
		sum += data[length - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum & 0xffff);
}

/* Reads one ICMP message; true when it answers our request and a line was printed. */
static int answer4(const unsigned char *packet, ssize_t got, int id, int number, int64_t ms, const char *from, int *bad)
{
	const struct iphdr *ip = (const void *)packet;
	const struct icmphdr *icmp = (const void *)(packet + ip->ihl * 4);
	const struct icmphdr *ours;

	if (got < (ssize_t)(ip->ihl * 4 + sizeof *icmp))
		return 0;
	if (icmp->type == ICMP_ECHOREPLY) {
		if (ntohs(icmp->un.echo.id) != id || ntohs(icmp->un.echo.sequence) != number)
			return 0;
		printf("%d reply %s %lld\n", number, from, (long long)ms);
		return 1;
	}
	if (icmp->type != ICMP_DEST_UNREACH && icmp->type != ICMP_TIME_EXCEEDED)
		return 0;
	/* The error quotes the header of what it is about: it must be our own request, translated back. */
	ip = (const void *)(icmp + 1);
	ours = (const void *)((const unsigned char *)ip + ip->ihl * 4);
	if ((const unsigned char *)(ours + 1) > packet + got || ip->protocol != IPPROTO_ICMP)
		return 0;
	if (ntohs(ours->un.echo.id) != id || ntohs(ours->un.echo.sequence) != number)
		return 0;
	*bad = 1;
	if (icmp->type == ICMP_TIME_EXCEEDED)
		printf("%d exceeded %d %s\n", number, icmp->code, from);
	else if (icmp->code == ICMP_FRAG_NEEDED)
		printf("%d toobig %d %s\n", number, ntohs(icmp->un.frag.mtu), from);
	else
		printf("%d unreachable %d %s\n", number, icmp->code, from);
	return 1;
}

static int answer6(const unsigned char *packet, ssize_t got, int id, int number, int64_t ms, const char *from, int *bad)
{
	const struct icmp6_hdr *icmp = (const void *)packet;
	const struct icmp6_hdr *ours = (const void *)(packet + sizeof *icmp + 40);

	if (got < (ssize_t)sizeof *icmp)
		return 0;
	if (icmp->icmp6_type == ICMP6_ECHO_REPLY) {
		if (ntohs(icmp->icmp6_id) != id || ntohs(icmp->icmp6_seq) != number)
			return 0;
		printf("%d reply %s %lld\n", number, from, (long long)ms);
		return 1;
	}
	if (icmp->icmp6_type > ICMP6_TIME_EXCEEDED || (const unsigned char *)(ours + 1) > packet + got)
		return 0;
	if (ntohs(ours->icmp6_id) != id || ntohs(ours->icmp6_seq) != number)
		return 0;
	*bad = 1;
	if (icmp->icmp6_type == ICMP6_PACKET_TOO_BIG)
		printf("%d toobig %u %s\n", number, ntohl(icmp->icmp6_mtu), from);
	else
		printf("%d %s %d %s\n", number, icmp->icmp6_type == ICMP6_TIME_EXCEEDED ? "exceeded" : "unreachable", icmp->icmp6_code, from);
	return 1;
}

int ping_main(int argc, char **argv)
{
	int count = 1, size = 56, ttl = 0, dont_fragment = 0, id = getpid() & 0xffff, timeout = 1000, option, bad = 0;
	const char *from_address = NULL;
	struct sockaddr_storage to;
	socklen_t length;
	int fd, v6;

	while ((option = getopt(argc, argv, "n:s:t:Mi:b:T:")) > 0)
		switch (option) {
		case 'n': count = atoi(optarg); break;
		case 's': size = atoi(optarg); break;
		case 't': ttl = atoi(optarg); break;
		case 'M': dont_fragment = 1; break;
		case 'i': id = atoi(optarg); break;
		case 'b': from_address = optarg; break;
		case 'T': timeout = atoi(optarg); break;
		default: return 2;
		}
	if (optind >= argc || size < 0 || size > 60000)
		return 2;
	length = make_address(argv[optind], 0, &to);
	v6 = to.ss_family == AF_INET6;
	fd = socket(to.ss_family, SOCK_RAW, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	if (fd < 0) {
		printf("0 err %s\n", error_name(errno));
		return 1;
	}
	if (from_address) {
		struct sockaddr_storage from;
		socklen_t from_length = make_address(from_address, 0, &from);

		bind(fd, (void *)&from, from_length);
	}
	if (ttl && v6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl, sizeof ttl);
	else if (ttl)
		setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
	if (!v6) {
		int discover = dont_fragment ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;

		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover);
	}
	for (int number = 1; number <= count; number++) {
		static unsigned char packet[65536];
		struct icmphdr *icmp = (void *)packet;
		int64_t began = now_ms();
		int answered = 0;

		memset(packet, 0, sizeof *icmp);
		icmp->type = v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
		icmp->un.echo.id = htons(id);
		icmp->un.echo.sequence = htons(number);
		memset(packet + sizeof *icmp, 'b', size);
		if (!v6)
			icmp->checksum = checksum(packet, sizeof *icmp + size);
		if (sendto(fd, packet, sizeof *icmp + size, 0, (void *)&to, length) < 0) {
			printf("%d err %s\n", number, error_name(errno));
			bad = 1;
			continue;
		}
		while (!answered && now_ms() - began < timeout) {
			struct pollfd polled = { fd, POLLIN, 0 };
			struct sockaddr_storage from;
			socklen_t from_length = sizeof from;
			ssize_t got;
			char host[80];

			if (poll(&polled, 1, timeout - (now_ms() - began)) <= 0)
				break;
			got = recvfrom(fd, packet, sizeof packet, 0, (void *)&from, &from_length);
			if (got <= 0)
				continue;
			snprintf(host, sizeof host, "%s", show_address(&from));
			*strrchr(host, ':') = 0;
			answered = (v6 ? answer6 : answer4)(packet, got, id, number, now_ms() - began, host, &bad);
		}
		if (!answered) {
			printf("%d timeout\n", number);
			bad = 1;
		}
		if (number < count)
			sleep_ms(20);
	}
	return bad;
}
