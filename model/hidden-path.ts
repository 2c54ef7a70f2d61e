/** A path at which sources keep their history or their secrets, as nginx and JavaScript read it whatever its capitals: at the top, or one folder below. */
export const hiddenPath = String.raw`^/(?:[^/]+/)?\.(?:git|svn|hg|bzr|env|hta|htp|aws|ssh|npmrc|ds_store)[^/]*(?:/|$)`;
