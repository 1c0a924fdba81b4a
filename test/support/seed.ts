import fc from 'fast-check';

/**
 * The same cases in every run, so that a change is judged by what it changes; `BUILD_KERNEL_TEST_SEED=random` (or a number)
 * looks for new ones.
 */
const wish = process.env['BUILD_KERNEL_TEST_SEED'] ?? '20260731';
if (wish !== 'random') fc.configureGlobal({ seed: Number(wish) });
