{# 1x1 convolution and the depthwise convolution behind it: a group of channels is expanded into scratch planes, which
   stay in the cache, and each of them is convolved at once. The expanded tensor never exists. Part 0 expands, part 1
   convolves; `e` and `f` are the operand pointers of their epilogues. Scratch: what part 0 needs, the planes, what part 1
   needs, which begins with its padded plane. With `pieces` the pixels are splat for part 0 first, see
   columns.wat. lo..hi are groups of `channels`, of `groups` groups of part 0. #}
{% import "macros.wat" as m with context %}
{% if pieces %}
{% import "columns_macros.wat" as c with context %}
{{ c.splat_all(pieces, k, pitch_in) }}
{% endif %}
(local.set $i_planes (i32.add @scratch #{{ planes }}))
(local.set $i_padded (i32.add @i_planes #{{ channels * pitch_in }}))
(local.set $i_f @i_padded)
{{ m.fill("f", plane_bytes // 4, vconst(0), L) }}
{% call m.for("g", "@lo", "@hi") %}
(local.set $i_n (i32.mul @i_g #{{ channels }}))
(local.set $i_first (i32.mul @i_g #{{ groups }}))
(local.set $i_from (i32.sub @i_planes (i32.mul @i_n #{{ pitch_in }})))
(call $part0 @i_first (i32.add @i_first #{{ groups }}) @scratch @a @w @i_from{% for p in e %} @{{ p }}{% endfor %})
(call $part1 @i_n (i32.add @i_n #{{ channels }}) @i_padded @i_from @taps @table @c{% for p in f %} @{{ p }}{% endfor %})
{% endcall %}
