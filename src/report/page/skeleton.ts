/** What the page consists of. */
interface Parts {
  readonly policy: string;
  readonly style: string;
  /** The data, without the character that could end its element. */
  readonly json: string;
  readonly program: string;
}

/** The document of the page, whose program fills it. */
export function skeleton({ policy, style, json, program }: Parts): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>sqlmig fleet</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>Migrations of the fleet</h1>
<p class="place" id="place"></p>
<noscript><p>This page needs JavaScript to show its data.</p></noscript>
<p class="unread" id="unread" role="alert" hidden></p>
<ul class="tiles" id="tiles" aria-label="Summary"></ul>
</header>
<main>
<section id="versions" aria-labelledby="versions-title">
<h2 id="versions-title">Versions of the tenants</h2>
<div class="bar" id="bar" aria-hidden="true"></div>
<ul class="keys" id="keys" aria-label="Versions; each shows only its tenants"></ul>
</section>
<section id="findings" aria-labelledby="findings-title">
<h2 id="findings-title">Findings</h2>
<div class="scroll"><table>
<thead><tr><th scope="col">kind</th><th scope="col">what</th><th scope="col" class="num">tenants</th><th scope="col">in</th></tr></thead>
<tbody id="findings-body"></tbody>
</table></div>
</section>
<section aria-labelledby="tenants-title">
<h2 id="tenants-title">Tenants</h2>
<div class="tools" role="search">
<select id="database" aria-label="Database"></select>
<input id="search" type="search" placeholder="Find a tenant" aria-label="Find a tenant" autocomplete="off" spellcheck="false">
<select id="kind" aria-label="Which tenants">
<option value="all">all tenants</option>
<option value="pending">with pending migrations</option>
<option value="findings">with findings</option>
<option value="left">failed or not started in the last run</option>
</select>
<select id="sort" aria-label="Order">
<option value="attention">problems first</option>
<option value="name">in the order of the tenant list</option>
<option value="time">slowest first</option>
</select>
<label><input id="grouped" type="checkbox"> group equal tenants</label>
<output id="found"></output>
</div>
<p class="empty" id="unknown" hidden></p>
<p class="empty" id="nothing" hidden></p>
<div id="grid"></div>
<p class="about" id="about" aria-live="polite"></p>
<ul class="legend" id="legend" aria-label="Signs of the grid"></ul>
</section>
<section aria-labelledby="public-title">
<h2 id="public-title">Public schema</h2>
<div id="public-grid"></div>
<p class="about" id="public-about" aria-live="polite"></p>
</section>
<section aria-labelledby="times-title">
<h2 id="times-title">Durations</h2>
<details id="times"><summary>Duration of each migration, the longest in total first</summary>
<div class="scroll"><table>
<thead><tr><th scope="col">scope</th><th scope="col">migration</th><th scope="col" class="num">schemas</th><th scope="col" class="num">median</th><th scope="col" class="num">95%</th><th scope="col" class="num">longest</th><th scope="col">in</th><th scope="col" class="num">total</th></tr></thead>
<tbody id="times-body"></tbody>
</table></div>
</details>
</section>
<section aria-labelledby="runs-title">
<h2 id="runs-title">Last runs</h2>
<p class="empty" id="no-runs">No run is recorded.</p>
<div class="scroll" id="runs-table"><table>
<thead><tr><th scope="col" class="num">started (UTC)</th><th scope="col">command</th><th scope="col">result</th><th scope="col" class="num">time</th><th scope="col" class="num">changed</th><th scope="col" class="num">failed</th><th scope="col" class="num">not started</th><th scope="col">errors</th><th scope="col">by</th><th scope="col">run</th></tr></thead>
<tbody id="runs-body"></tbody>
</table></div>
</section>
</main>
<footer>Written by sqlmig status --html. Arrow keys move in the grids.</footer>
<script type="application/json" id="data">${json}</script>
<script>${program}</script>
</body>
</html>
`;
}
