/*
 * CRC-32 (ISO 3309, as in zlib), quick also for the forty bytes of a common
 * record: zlib's own goes byte by byte below its block of about fifty.
 */
#ifndef STORAGE_CRC_H
#define STORAGE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Continue from `crc` (0 to begin) with n bytes at p. Any thread. */
uint32_t crc_add(uint32_t crc, const void *p, size_t n);

/* That of a file's header, whose bytes 12 to 15 are its own checksum and count
 * as zero. */
uint32_t crc_header(const unsigned char *header, size_t n);

#endif
