/* The offline tools: `tickd dump ...` and `tickd check ...`. */
#ifndef SERVER_TOOLS_H
#define SERVER_TOOLS_H

/* argv[0] is the tool's name. They print, and return the exit status. */
int tools_dump(int argc, char **argv);
int tools_check(int argc, char **argv);

#endif
