// Live data shared by several processes, in POSIX shared memory: the same bytes and algorithms as the Rust library.
//
// Include this one file. Nothing is linked, nothing is generated, nothing throws. README.md shows how to begin; each header
// says at its top what it promises, and what a killed process leaves there.
#pragma once

#include "structures/array.hpp"
#include "structures/atomic.hpp"
#include "structures/broadcast.hpp"
#include "structures/map.hpp"
#include "structures/pool.hpp"
#include "structures/queue.hpp"
#include "structures/spsc.hpp"
#include "structures/stack.hpp"
#include "structures/versioned.hpp"
#include "structures/versioned_array.hpp"

#include "sync/barrier.hpp"
#include "sync/mutex.hpp"
#include "sync/once.hpp"
#include "sync/rwlock.hpp"
#include "sync/signal.hpp"

#include "segment/prune.hpp"
#include "segment/segment.hpp"
