/* Telling systemd about the state of the service (sd_notify(3)). */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

/* Send lines such as "READY=1\nSTATUS=..." to $NOTIFY_SOCKET; nothing where
 * that is not set. Never fails: it is only news. */
void notify(const char *lines);

#endif
