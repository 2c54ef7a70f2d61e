import { config } from 'zod';

/**
 * A validator compiled for one document costs more than it saves. Schemas look at this when they are made, so main imports it before them.
 * Nothing here is worth importing elsewhere.
 */
config({ jitless: true });
