/*
 * Frames: wall-clock time cut into `framerate` pieces a second, counted from
 * the epoch. Things happen at the start of a frame. Pure arithmetic.
 */
#ifndef SCHED_FRAME_H
#define SCHED_FRAME_H

#include <stdint.h>

/* The frame that now_ns lies in. */
static inline int64_t
frame_of(int64_t now_ns, uint32_t framerate)
{
	int64_t s = now_ns / 1000000000, ns = now_ns % 1000000000;

	return s * framerate + ns * framerate / 1000000000;
}

/* When a frame begins: the first nanosecond for which frame_of gives it. */
static inline int64_t
frame_start(int64_t frame, uint32_t framerate)
{
	int64_t s = frame / framerate, rest = frame % framerate;

	return s * 1000000000 + (rest * 1000000000 + framerate - 1) / framerate;
}

/* The first frame that begins at or after due_ns. */
static inline int64_t
frame_after(int64_t due_ns, uint32_t framerate)
{
	int64_t frame = frame_of(due_ns, framerate);

	return frame_start(frame, framerate) >= due_ns ? frame : frame + 1;
}

#endif
