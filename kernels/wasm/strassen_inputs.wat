{# The sums of quarters of an input a[k][p] that one step of Strassen's scheme multiplies (see lower/strassen.py), into t,
   which lies like a. `half` is the pixels of the left quarters, `right` those of the right ones, which are one less where
   p is odd: then a column of zeros stands in. `lower` is the bytes down to the lower quarters. lo..hi are rows of a quarter. #}
{% import "macros.wat" as m with context %}
{% macro sums(offset, right) %}
{% set far = offset + 4 * half %}
(local.set $f_11 (f32.load offset={{ offset }} @i_p))
(local.set $f_21 (f32.load offset={{ offset }} @i_q))
(local.set $f_12 {{ "(f32.load offset=%d @i_p)" % far if right else "(f32.const 0)" }})
(local.set $f_22 {{ "(f32.load offset=%d @i_q)" % far if right else "(f32.const 0)" }})
(f32.store offset={{ offset }} @i_u (local.tee $f_t (f32.sub @f_12 @f_11)))
(f32.store offset={{ far }} @i_u (local.tee $f_t (f32.sub @f_22 @f_t)))
(f32.store offset={{ offset }} @i_v (f32.sub @f_22 @f_12))
(f32.store offset={{ far }} @i_v (f32.sub @f_21 @f_t))
{% endmacro %}
{% call m.for("r", "@lo", "@hi") %}
(local.set $i_p (i32.add @a (i32.mul @i_r #{{ pitch }})))
(local.set $i_q (i32.add @i_p #{{ lower }}))
(local.set $i_u (i32.add @t (i32.mul @i_r #{{ pitch }})))
(local.set $i_v (i32.add @i_u #{{ lower }}))
{% call m.repeat("x", "#%d" % (right // chunk)) %}
{% for i in range(chunk) %}
{{ sums(4 * i, true) }}
{% endfor %}
{% for p in ("i_p", "i_q", "i_u", "i_v") %}
{{ m.bump(p, 4 * chunk) }}
{% endfor %}
{% endcall %}
{% if right < half %}
{{ sums(0, false) }}
{% endif %}
{% endcall %}
