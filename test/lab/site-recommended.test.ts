import { proveSite } from './site.ts';

proveSite({ profile: 'recommended', http: 8080, https: 8443 });
