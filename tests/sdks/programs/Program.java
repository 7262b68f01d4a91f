import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import mars.client.ApiClient;
import mars.client.ApiException;
import mars.client.api.AlertsApi;
import mars.client.api.CutoutsApi;
import mars.client.api.MatchApi;
import mars.client.api.ObjectsApi;
import mars.client.model.*;

/** Read MARS with the Java client of openapi-generator; print as JSON what was read. */
public class Program {
    private final ApiClient mars = new ApiClient();
    private final ObjectMapper json = mars.getObjectMapper();
    private final JsonNode asked;
    private final ObjectNode told = json.createObjectNode();

    private Program(File file) throws Exception {
        asked = json.readTree(file);
        mars.updateBaseUri(asked.get("address").asText());
        mars.setHttpClientBuilder(HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1));
    }

    public static void main(String[] arguments) throws Exception {
        Program program = new Program(new File(arguments[0]));
        program.walk();
        program.read();
        program.download();
        program.beRefused();
        System.out.println(program.json.writeValueAsString(program.told));
    }

    private AlertList pageAt(String cursor) throws Exception {
        JsonNode search = asked.get("search");
        List<String> where = new ArrayList<>();
        search.get("where").forEach(one -> where.add(one.asText()));
        return new AlertsApi(mars).listAlerts(AlertsApi.APIListAlertsRequest.newBuilder()
                .filter(Band.fromValue(search.get("filter").asText()))
                .rbGte(search.get("rb__gte").asDouble())
                .where(where)
                .limit(search.get("limit").asInt())
                .cursor(cursor)
                .build());
    }

    /** All pages by `next`, and back by `prev`. */
    private void walk() throws Exception {
        ArrayNode pages = told.putArray("pages");
        ArrayNode back = told.putArray("back");
        AlertList page = pageAt(null);
        pages.addPOJO(page);
        while (page.getNext() != null) {
            page = pageAt(page.getNext());
            pages.addPOJO(page);
        }
        back.addPOJO(page.getItems().stream().map(Alert::getCandid).toList());
        while (page.getPrev() != null) {
            page = pageAt(page.getPrev());
            back.addPOJO(page.getItems().stream().map(Alert::getCandid).toList());
        }
    }

    private ArrayNode byClass(List<LightCurvePoint> points) {
        ArrayNode list = json.createArrayNode();
        for (LightCurvePoint point : points) {
            Object known = point.getActualInstance();
            ObjectNode node = json.valueToTree(known);
            list.add(node.put("class", known.getClass().getSimpleName()));
        }
        return list;
    }

    private void read() throws Exception {
        String candid = asked.get("candid").asText();
        LightCurve curve = new ObjectsApi(mars).getLightCurve(ObjectsApi.APIGetLightCurveRequest
                .newBuilder().objectId(asked.get("object_id").asText()).build());
        told.set("curve", byClass(curve.getPoints()));

        AlertWithHistory alert = new AlertsApi(mars).getAlert(
                AlertsApi.APIGetAlertRequest.newBuilder().candid(candid).build());
        ObjectNode node = json.valueToTree(alert);
        node.set("history", byClass(alert.getHistory()));
        told.set("alert", node);

        MatchRequest request = new MatchRequest();
        for (JsonNode position : asked.get("positions")) {
            request.addPositionsItem(json.treeToValue(position, Position.class));
        }
        MatchList found = new MatchApi(mars).matchPositions(MatchApi.APIMatchPositionsRequest
                .newBuilder()
                .matchRequest(request).radius(asked.get("radius").asText()).limit(2).build());
        told.set("match", json.valueToTree(found));
    }

    private void download() throws Exception {
        String candid = asked.get("candid").asText();
        File cutout = new CutoutsApi(mars).getCutoutFits(CutoutsApi.APIGetCutoutFitsRequest
                .newBuilder().candid(candid).kind(Stamp.SCIENCE).build());
        Files.move(cutout.toPath(), Path.of("cutout.fits"));
        File packet = new CutoutsApi(mars).getAvro(
                CutoutsApi.APIGetAvroRequest.newBuilder().candid(candid).build());
        Files.move(packet.toPath(), Path.of("packet.avro"));
    }

    private void beRefused() throws Exception {
        try {
            new AlertsApi(mars).listAlerts(
                    AlertsApi.APIListAlertsRequest.newBuilder().sort("magpsf").build());
            throw new IllegalStateException("not refused");
        } catch (ApiException error) {
            Problem problem = json.readValue(error.getResponseBody(), Problem.class);
            ObjectNode node = json.valueToTree(problem);
            node.put("code", error.getCode());
            node.put("parameter", problem.getErrors().get(0).getParameter());
            told.set("refused", node);
        }
        try {
            new AlertsApi(mars).getAlert(
                    AlertsApi.APIGetAlertRequest.newBuilder().candid("1").build());
            throw new IllegalStateException("not refused");
        } catch (ApiException error) {
            told.set("missing", json.valueToTree(
                    json.readValue(error.getResponseBody(), Problem.class)));
        }
    }
}
