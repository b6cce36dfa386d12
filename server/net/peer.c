#include "peer.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"

void
peer_name(int fd, char name[PEER_NAME_MAX])
{
	struct sockaddr_storage sa = { 0 };
	struct address a = { .kind = ADDRESS_TCP };
	socklen_t len = sizeof(sa);
	struct buf text = { 0 };
	char port[8];

	memcpy(name, "unix", sizeof("unix"));
	if (getpeername(fd, (struct sockaddr *)&sa, &len) == -1 ||
	    sa.ss_family == AF_UNIX ||
	    getnameinfo((struct sockaddr *)&sa, len, a.host, sizeof(a.host),
		port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return;
	a.port = (uint16_t)strtoul(port, NULL, 10);
	address_put(&text, &a);
	buf_add_byte(&text, '\0');
	if (!text.failed && text.len <= PEER_NAME_MAX)
		memcpy(name, text.ptr, text.len);
	buf_free(&text);
}
