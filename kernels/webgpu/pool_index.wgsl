{#- The largest of each window and where it stands: the first of equals, NaN over all, and padding only where it is
alone. Places count within an image, or, with ``whole_batch``, from the first. -#}
{%- import "macros.wgsl" as m -%}
{{ m.entry(group) }}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
  let channel = i % s.channels;
  let cell = i / s.channels;
  let x = i32(cell % s.ox * s.tx) - i32(s.left);
  let y = i32(cell / s.ox % s.oy * s.ty) - i32(s.top);
  let image = cell / (s.ox * s.oy);
  var best = -bitcast<f32>(inf_bits);
  // Of a window without anything larger than padding the first element is told, 0 where that is padding.
  var place = 0u;
  var first = true;
  for (var ky = 0u; ky < s.ky + none; ky++) {
    let iy = u32(y + i32(ky * s.dy));
    for (var kx = 0u; kx < s.kx + none; kx++) {
      let ix = u32(x + i32(kx * s.dx));
      if ((iy < s.hy) & (ix < s.hx)) {
        let at = (iy * s.hx + ix) * s.channels + channel;
        let v = a[image * s.hy * s.hx * s.channels + at];
        if (first | (!is_nan(best) & ((v > best) | is_nan(v)))) {
          best = v;
          place = at;
        }
      }
      first = false;
    }
  }
  c[i] = best;
  places[i] = i32(place{{ " + image * s.hy * s.hx * s.channels" if whole_batch }});
}
