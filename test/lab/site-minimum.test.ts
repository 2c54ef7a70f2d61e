import { proveSite } from './site.ts';

// Not the ports that a site has by itself: the site of the README has them, perhaps at the same time.
proveSite({ profile: 'minimum', http: 18_090, https: 18_490 });
