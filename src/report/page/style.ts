/** The style of the page. Colors are from a palette that color-blind people can tell apart; every state has a sign as well. */
export const pageStyle = `
:root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--ink:#1c2024;--soft:#5b6470;--line:#dfe3e8;--accent:#0b5cad;
--a:#3f7fb5;--a-ink:#fff;--p:#fff;--p-line:#c98a00;--p-ink:#7a5200;--x:#b3380b;--x-ink:#fff;--w:#e69f00;--w-ink:#1c2024;--n:#009e73;--n-ink:#06261c;--b:#d7dce2;--b-ink:#3c444d;--hover:#eef3f8}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1c2024;--ink:#e7eaee;--soft:#a2abb6;--line:#343b43;--accent:#7ab8f5;
--a:#4f8fc7;--a-ink:#08131d;--p:#1c2024;--p-line:#e0a020;--p-ink:#f0c060;--x:#e0592a;--x-ink:#1a0a04;--w:#e6a817;--w-ink:#1c1400;--n:#1db586;--n-ink:#04180f;--b:#3a424b;--b-ink:#c3cad2;--hover:#262c32}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main,header{max-width:1500px;margin:0 auto;padding:0 20px}
header{padding-top:22px}
h1{font-size:22px;margin:0 0 2px;overflow-wrap:anywhere}
h2{font-size:16px;margin:26px 0 8px}
.soft{color:var(--soft)}
.place{margin:0;color:var(--soft);overflow-wrap:anywhere}
.unread{margin:10px 0 0;padding:8px 14px;border:1px solid var(--x);border-radius:8px;color:var(--x);white-space:pre-line}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:10px;margin:16px 0 0;padding:0;list-style:none}
.tiles li{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 14px}
.tiles b{display:block;font-size:24px;line-height:1.2;font-variant-numeric:tabular-nums}
.tiles span{color:var(--soft);font-size:13px}
.tiles .bad b{color:var(--x)}
.bar{display:flex;height:16px;border-radius:4px;overflow:hidden;border:1px solid var(--line);background:var(--b)}
.bar i{display:block;min-width:3px;border-right:1px solid var(--card)}
.keys{display:flex;flex-wrap:wrap;gap:6px 8px;margin:8px 0 0;padding:0;list-style:none}
button,select,input{font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:6px;padding:5px 10px}
button{cursor:pointer}
button:hover{background:var(--hover)}
button[aria-pressed=true]{border-color:var(--accent);box-shadow:inset 0 0 0 1px var(--accent)}
:focus-visible{outline:2px solid var(--accent);outline-offset:1px}
.keys button{display:flex;align-items:center;gap:7px;padding:3px 9px;font-size:14px}
.keys i{width:11px;height:11px;border-radius:3px;flex:none;border:1px solid var(--line)}
.keys .soft{font-variant-numeric:tabular-nums}
.tools{display:flex;flex-wrap:wrap;gap:8px;align-items:center;margin-bottom:8px}
.tools [type=search]{flex:1 1 200px;max-width:340px;min-width:140px}
.tools [type=checkbox]{accent-color:var(--accent);width:16px;height:16px;margin:0}
.tools label{display:flex;gap:6px;align-items:center}
.tools output{color:var(--soft);margin-left:auto;font-variant-numeric:tabular-nums}
.view{position:relative;overflow:auto;background:var(--card);border:1px solid var(--line);border-radius:8px;max-height:70vh;min-height:60px;overscroll-behavior:contain}
.space{position:relative;min-width:100%}
.head{position:sticky;top:0;z-index:3;display:flex;min-width:100%;background:var(--card);border-bottom:1px solid var(--line);align-items:flex-end}
.corner{position:sticky;left:0;z-index:4;flex:none;background:var(--card);height:100%;display:flex;align-items:flex-end;padding:0 10px 6px;color:var(--soft);font-size:13px;border-right:1px solid var(--line)}
.head .col{position:absolute;bottom:5px;top:4px;width:17px;writing-mode:vertical-rl;transform:rotate(180deg);font-size:12px;line-height:17px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;font-variant-numeric:tabular-nums}
.row{position:absolute;left:0;height:24px;display:flex;min-width:100%}
.row:hover,.row:hover .name{background:var(--hover)}
.name{position:sticky;left:0;z-index:2;flex:none;background:var(--card);padding:0 10px;line-height:24px;overflow:hidden;white-space:nowrap;border-right:1px solid var(--line);display:flex;gap:8px;font-size:14px}
.name span{overflow:hidden;text-overflow:ellipsis;unicode-bidi:isolate}
.name em{margin-left:auto;flex:none;font-style:normal;font-size:12px;color:var(--soft);font-variant-numeric:tabular-nums}
.name.bad em{color:var(--x);font-weight:600}
.name.bad span{color:var(--x)}
.c{position:absolute;top:3px;width:17px;height:18px;border-radius:3px;font:600 12px/18px system-ui,sans-serif;text-align:center;overflow:hidden;cursor:default}
.a{background:var(--a);color:var(--a-ink)}
.p,.o{background:var(--p);border:2px solid var(--p-line);color:var(--p-ink);line-height:14px}
.i,.c.c-c{background:var(--x);color:var(--x-ink)}
.o{border-color:var(--x);color:var(--x)}
.m,.r{background:var(--w);color:var(--w-ink)}
.n{background:var(--n);color:var(--n-ink)}
.b{background:var(--b);color:var(--b-ink)}
.u{background:repeating-linear-gradient(45deg,var(--b) 0 4px,transparent 4px 8px);color:var(--ink)}
.on{outline:2px solid var(--ink);outline-offset:1px;z-index:1}
.about{min-height:44px;margin:8px 0 0;padding:10px 14px;background:var(--card);border:1px solid var(--line);border-radius:8px;overflow-wrap:anywhere}
.legend{display:flex;flex-wrap:wrap;gap:6px 16px;margin:10px 0 0;padding:0;list-style:none;font-size:13px;color:var(--soft)}
.legend li{display:flex;align-items:center;gap:6px}
.legend .c{position:static;flex:none}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:8px}
table{border-collapse:collapse;width:100%;min-width:760px;font-size:14px}
th,td{text-align:left;padding:6px 12px;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}
th{color:var(--soft);font-weight:600;white-space:nowrap}
th button{border:0;background:none;padding:0;font-weight:600;color:inherit}
.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:13px}
.wrap{overflow-wrap:anywhere;min-width:180px}
.tag{font-size:12px;padding:1px 8px;border-radius:10px;border:1px solid currentColor;white-space:nowrap}
.tag.failed,.tag.unfinished{color:var(--x)}
.tag.succeeded{color:var(--n)}
@media (prefers-color-scheme:light){.tag.succeeded{color:#00704f}}
.empty{padding:14px;color:var(--soft)}
footer{max-width:1500px;margin:26px auto 40px;padding:0 20px;color:var(--soft);font-size:13px}
@media (max-width:600px){.name em{display:none}main,header,footer{padding-left:12px;padding-right:12px}.tiles{grid-template-columns:repeat(2,1fr)}.tiles b{font-size:20px}.tools output{margin-left:0;flex-basis:100%}}
@page{size:landscape}
@media print{.tools,footer,.about{display:none}.view{max-height:none;overflow:visible;height:auto!important}.c,.bar i,.keys i{print-color-adjust:exact;-webkit-print-color-adjust:exact}body{background:#fff}}
`;
