import { memoryStore } from '../../../runtime/stores/memory-store.ts';
import { storeContract } from '../../contract/store.ts';

storeContract('the memory', async () => memoryStore());
