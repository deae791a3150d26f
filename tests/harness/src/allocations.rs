//! An allocator that counts, for what must not allocate.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

/// The system's allocator, counted: `#[global_allocator] static ALLOCATOR: CountedAllocator = CountedAllocator::new();`
#[derive(Debug, Default)]
pub struct CountedAllocator {
    count: AtomicU64,
}

impl CountedAllocator {
    /// Nothing allocated yet.
    pub const fn new() -> Self {
        Self { count: AtomicU64::new(0) }
    }

    /// How often something has been allocated or grown, by any thread.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

#[expect(unsafe_code, reason = "hands over to the system's allocator as it is")]
// SAFETY: every call goes to `System` unchanged.
unsafe impl GlobalAlloc for CountedAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.count.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.count.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
