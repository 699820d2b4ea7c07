{#- A strided copy of words, or of ``floats``: of a box alone (``inside``), or of the whole output with a value around
the box. -#}
{%- import "macros.wgsl" as m -%}
{{ m.entry(group) }}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
  var rest = i;
  var source = s.first;
  var target_at = s.start;
  var ok = true;
{% for d in range(rank - 1, -1, -1) %}
  { let at = rest % s.d{{ d }};
    rest /= s.d{{ d }};
{% if inside %}
    source += at * s.r{{ d }};
    target_at += at * s.o{{ d }};
{% else %}
    let inner = at - s.p{{ d }};
    ok &= inner < s.n{{ d }};
    source += inner * s.r{{ d }};
{% endif %}
  }
{% endfor %}
{% if inside %}
  c[target_at] = a[source];
{% else %}
  c[i] = select({{ "F(bitcast<f32>(s.fill))" if floats else "U(s.fill)" }}, a[select(0u, source, ok)], ok);
{% endif %}
}
