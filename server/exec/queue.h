/*
 * A bounded queue from one thread to one other. Items are copied in and out;
 * what an item points to changes owner with it. Without locks: neither side
 * ever waits for the other.
 */
#ifndef EXEC_QUEUE_H
#define EXEC_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct queue;

/* For at least `capacity` items (1 .. 2^31) of item_size bytes each. NULL
 * when memory is out. */
struct queue *queue_new(size_t capacity, size_t item_size);

/* Frees the queue, not what its items point to: pop those first. NULL is
 * allowed. Both threads must have ended their use. */
void queue_free(struct queue *q);

/* The sending thread: false when the queue is full. */
bool queue_push(struct queue *q, const void *item);

/* The receiving thread: false when the queue is empty. Everything the sender
 * wrote before it pushed is visible after. */
bool queue_pop(struct queue *q, void *item);

#endif
