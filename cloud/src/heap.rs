//! What was allocated for a moment goes back to the system.
//!
//! glibc takes the first large block that is freed as a sign that more will follow: it raises its thresholds to the size of
//! that block, and twice that may stay in each of its heaps. Here that is the memory of a password's hash, 19 MiB, which
//! every server fills as it starts: that of the next login would stay for good, and up to 38 MiB beside it of an hour that
//! was packed.

/// Larger blocks are pages of their own, given back as they are freed. The buffers of a frame, the largest of the usual
/// ones, are not: pages that are new each time are zeroed each time.
#[cfg(target_env = "gnu")]
const OWN_PAGES: libc::c_int = 256 * 1024;
/// What may stay free at the end of each heap, of which there are as many as busy threads.
#[cfg(target_env = "gnu")]
const KEPT_FREE: libc::c_int = 1024 * 1024;

/// Fixes the thresholds (mallopt(3)); call it before the first large block is freed.
pub(crate) fn settle() {
    #[cfg(target_env = "gnu")]
    for (parameter, bytes) in [(libc::M_MMAP_THRESHOLD, OWN_PAGES), (libc::M_TRIM_THRESHOLD, KEPT_FREE)] {
        // A refusal costs nothing but memory.
        #[expect(unsafe_code, reason = "mallopt(3) has no safe wrapper")]
        // SAFETY: it takes two numbers, and locks the heap that it changes.
        let _ = unsafe { libc::mallopt(parameter, bytes) };
    }
}
