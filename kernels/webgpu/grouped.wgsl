{#- Grouped convolution: an invocation makes one output channel of a pixel, or four of one group. -#}
{%- import "macros.wgsl" as m -%}
{{ m.entry(group) }}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
  let channel = i % s.n;
  let pixel = i / s.n;
  let first = channel / s.width * s.cin;
  let x = i32(pixel % s.ox * s.tx) - i32(s.left);
  let y = i32(pixel / s.ox % s.oy * s.ty) - i32(s.top);
  let image = pixel / (s.ox * s.oy) * s.hy;
  var sum = F();
  for (var ky = 0u; ky < s.ky + none; ky++) {
    let iy = u32(y + i32(ky * s.dy));
    for (var kx = 0u; kx < s.kx + none; kx++) {
      let ix = u32(x + i32(kx * s.dx));
      let inside = (iy < s.hy) & (ix < s.hx);
      let at = select(0u, ((image + iy) * s.hx + ix) * s.channels + first, inside);
      let row = (ky * s.kx + kx) * s.cin;
      for (var k = 0u; k < s.cin + none; k++) {
        sum += select(0.0, a[at + k], inside) * w[(row + k) * s.n + channel];
      }
    }
  }
  c[i] = f0(sum{% for kind in kinds %}, {{ m.operand(loop.index0, kind, "i", "channel", lanes) }}{% endfor %});
}
