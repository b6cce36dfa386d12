/* Who is at the other end of a connection. Any thread. */
#ifndef NET_PEER_H
#define NET_PEER_H

#define PEER_NAME_MAX 128

/* Its `host:port`, or "unix". */
void peer_name(int fd, char name[PEER_NAME_MAX]);

#endif
