export { writeBundle, type Bundle, type BundleInput } from './bundle.js';
export { engine, reboot, status, trialReboot, type EngineStatus, type RunState } from './driver.js';
export { ENGINE, ENGINE_FOLDER } from './engine.js';
export { HOOK_PART, MENU_PART } from './operations.js';
export { ownRun } from './name.js';
export { upload, type UploadProgress } from './upload.js';
export { arrived, bootedInto, carryOut, settleTrial, takeBack, type Outcome } from './carry-out.js';
