/*
 * Hash of words: one 64x64 -> 128 bit multiplication mixes two of them. For tables of our own only;
 * it is no defence against keys chosen to collide.
 */
#ifndef GT_HASH_H
#define GT_HASH_H

#include <stdint.h>

#define GT_HASH_SEED 0x9e3779b97f4a7c15u /* 2^64 / golden ratio: odd, half of its bits set */

static inline uint64_t gt_hash_mix(uint64_t a, uint64_t b)
{
	const unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#endif
